import { complement } from "./checksum.js";

/** IGMP (RFC 2236, RFC 3376): message types. */
export const IGMP_QUERY = 0x11;
export const IGMP_V1_REPORT = 0x12;
export const IGMP_V2_REPORT = 0x16;
export const IGMP_V2_LEAVE = 0x17;
export const IGMP_V3_REPORT = 0x22;

/** Bytes of a query or report of version 2, and the least that one of version 3 has. */
export const IGMP_V2_LENGTH = 8;
export const IGMP_V3_QUERY_LENGTH = 12;
export const IGMP_MAX_RESPONSE = 1;
export const IGMP_CHECKSUM = 2;
export const IGMP_GROUP = 4;

/** Group record types of a version 3 report (RFC 3376 §4.2.12). */
export const MODE_IS_EXCLUDE = 2;
export const CHANGE_TO_INCLUDE = 3;
export const CHANGE_TO_EXCLUDE = 4;

/** Bytes of a version 3 report with `records` records that name no sources. */
export function v3ReportLength(records: number): number {
  return 8 + 8 * records;
}

/** Writes a version 2 report or leave at `at`, which is 4-byte aligned. */
export function writeV2(dv: DataView, at: number, type: number, group: number): void {
  dv.setInt32(at, type << 24);
  dv.setInt32(at + 4, group);
  dv.setInt16(at + IGMP_CHECKSUM, complement((type << 8) + (group >>> 16) + (group & 0xffff)));
}

/** Writes a version 3 report of one record at `at`, which is 4-byte aligned. */
export function writeV3(dv: DataView, at: number, record: number, group: number): void {
  dv.setInt32(at, IGMP_V3_REPORT << 24);
  dv.setInt32(at + 4, 1);
  dv.setInt32(at + 8, record << 24);
  dv.setInt32(at + 12, group);
  const sum = (IGMP_V3_REPORT << 8) + 1 + (record << 8) + (group >>> 16) + (group & 0xffff);
  dv.setInt16(at + IGMP_CHECKSUM, complement(sum));
}

/** The time that a query gives to answer, in ms (RFC 3376 §4.1.1: a floating point number from 128 tenths up). */
export function maxResponseMs(code: number): number {
  const tenths = code < 128 ? code : ((code & 0x0f) | 0x10) << (((code >> 4) & 0x07) + 3);
  return tenths * 100;
}
