;; The two inner loops of the stack, over its one memory: the Internet checksum and a block copy.
;; memory-wasm.ts holds the compiled bytes (npm run wasm); a unit test compiles this again and compares.
(module
  (import "tapstack" "memory" (memory 1 65536))

  ;; RFC 1071: the ones' complement sum of the 16-bit words at [at, at+length), folded to 16 bits, in network
  ;; order; an odd last byte is padded with zero. A lane takes at most 2 x 65535 a step, so 512 KiB cannot overflow.
  (func (export "sum") (param $at i32) (param $length i32) (result i32)
    (local $end i32) (local $a v128) (local $b v128) (local $s i64)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (if (i32.ge_u (local.get $length) (i32.const 32))
      (then
        (loop $wide
          (local.set $a (i32x4.add (local.get $a)
            (i32x4.extadd_pairwise_i16x8_u (v128.load align=1 (local.get $at)))))
          (local.set $b (i32x4.add (local.get $b)
            (i32x4.extadd_pairwise_i16x8_u (v128.load offset=16 align=1 (local.get $at)))))
          (local.set $at (i32.add (local.get $at) (i32.const 32)))
          (br_if $wide (i32.le_u (i32.add (local.get $at) (i32.const 32)) (local.get $end))))
        (local.set $a (i64x2.add
          (i64x2.add (i64x2.extend_low_i32x4_u (local.get $a)) (i64x2.extend_high_i32x4_u (local.get $a)))
          (i64x2.add (i64x2.extend_low_i32x4_u (local.get $b)) (i64x2.extend_high_i32x4_u (local.get $b)))))
        (local.set $s (i64.add (i64x2.extract_lane 0 (local.get $a)) (i64x2.extract_lane 1 (local.get $a))))))
    (block $words_done
      (loop $words
        (br_if $words_done (i32.gt_u (i32.add (local.get $at) (i32.const 4)) (local.get $end)))
        (local.set $s (i64.add (local.get $s) (i64.load32_u align=1 (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br $words)))
    (if (i32.le_u (i32.add (local.get $at) (i32.const 2)) (local.get $end))
      (then
        (local.set $s (i64.add (local.get $s) (i64.load16_u align=1 (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 2)))))
    (if (i32.lt_u (local.get $at) (local.get $end))
      (then (local.set $s (i64.add (local.get $s) (i64.load8_u (local.get $at))))))
    ;; fold 64 to 16 bits, then to network order
    (local.set $s (i64.add (i64.and (local.get $s) (i64.const 0xffffffff)) (i64.shr_u (local.get $s) (i64.const 32))))
    (local.set $s (i64.add (i64.and (local.get $s) (i64.const 0xffff)) (i64.shr_u (local.get $s) (i64.const 16))))
    (local.set $s (i64.add (i64.and (local.get $s) (i64.const 0xffff)) (i64.shr_u (local.get $s) (i64.const 16))))
    (local.set $s (i64.add (i64.and (local.get $s) (i64.const 0xffff)) (i64.shr_u (local.get $s) (i64.const 16))))
    (i32.or
      (i32.shl (i32.and (i32.wrap_i64 (local.get $s)) (i32.const 0xff)) (i32.const 8))
      (i32.shr_u (i32.wrap_i64 (local.get $s)) (i32.const 8))))

  ;; memmove
  (func (export "copy") (param $to i32) (param $from i32) (param $length i32)
    (memory.copy (local.get $to) (local.get $from) (local.get $length))))
