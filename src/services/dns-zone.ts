import type { Answer, Question } from "dns-packet";

const TTL = 60;

/** What a question is answered with. */
export interface Finding {
  readonly rcode: "NOERROR" | "NXDOMAIN" | "REFUSED";
  /** We own the name (AA). */
  readonly authoritative: boolean;
  readonly answers: Answer[];
  readonly authorities: Answer[];
}

interface Zone {
  readonly apex: string;
  readonly records: readonly Answer[];
}

/** The stack's own name and the reverse of its address: two little zones, and nothing else. */
export class OwnZones {
  private readonly zones: readonly Zone[];

  /** @param name without the final dot  @param address dotted decimal */
  constructor(name: string, address: string) {
    const reverse = `${address.split(".").reverse().join(".")}.in-addr.arpa`;
    const common = (apex: string): Answer[] => [
      { type: "NS", name: apex, ttl: TTL, data: name },
      {
        type: "SOA",
        name: apex,
        ttl: TTL,
        data: {
          mname: name,
          rname: `hostmaster.${name}`,
          serial: 1,
          refresh: 3600,
          retry: 600,
          expire: 86400,
          minimum: TTL,
        },
      },
    ];
    this.zones = [
      { apex: name, records: [{ type: "A", name, ttl: TTL, data: address }, ...common(name)] },
      { apex: reverse, records: [{ type: "PTR", name: reverse, ttl: TTL, data: name }, ...common(reverse)] },
    ];
  }

  /** RFC 1034 §4.3.2 for zones that hold one name each. The answer repeats the question's spelling of the name. */
  find(question: Question): Finding {
    const asked = question.name.toLowerCase().replace(/\.$/, "");
    const zone = this.zones.find(({ apex }) => asked === apex || asked.endsWith(`.${apex}`));
    const inClass = question.class === undefined || question.class === "IN" || question.class === "ANY";
    if (zone === undefined || !inClass) return { rcode: "REFUSED", authoritative: false, answers: [], authorities: [] };
    // RFC 2308 §2: the SOA in the authority section tells how long the negative answer holds.
    const soa = zone.records.filter((record) => record.type === "SOA");
    if (asked !== zone.apex) return { rcode: "NXDOMAIN", authoritative: true, answers: [], authorities: soa };
    // RFC 8482 §4.1: one record set is answer enough for ANY.
    const first = (zone.records[0] as Answer).type;
    const type = (question.type as string) === "ANY" ? first : question.type;
    const answers = zone.records
      .filter((record) => record.type === type)
      .map((record) => ({ ...record, name: question.name }) as Answer);
    return { rcode: "NOERROR", authoritative: true, answers, authorities: answers.length > 0 ? [] : soa };
  }
}
