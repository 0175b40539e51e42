import { crc32 } from 'node:zlib'

/**
 * How an item stands in a segment: a header, then its bytes. Pure: bytes in, values out.
 *
 * ```
 * 0  magic "MqR1"     4  index in the segment      8  length of the bytes    (all little endian, 32 bit)
 * 12 number of items  16 CRC-32 of the bytes      20  CRC-32 of bytes 0..20
 * ```
 *
 * Both checksums start from the segment's salt, a random number in its file name, so that neither what an older file left
 * on the disk nor what somebody sends in telemetry is ever taken for a record.
 */
export interface RecordHeader {
  /** Position among the records of the segment, from 0. */
  readonly index: number
  /** Bytes that follow the header. */
  readonly length: number
  /** Log records, metric points or spans in it. */
  readonly items: number
  readonly bytesCrc: number
}

export const HEADER_BYTES = 24
/** Most bytes that a record can hold. */
export const RECORD_BYTES_MAX = 0x7fff_ffff

const MAGIC = Buffer.from('MqR1', 'latin1')
const MAGIC_WORD = MAGIC.readUInt32LE(0)

/** The header of a record that holds `bytes`. */
export function encodeHeader(record: { readonly index: number; readonly items: number; readonly bytes: Uint8Array }, salt: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  header.writeUInt32LE(MAGIC_WORD, 0)
  header.writeUInt32LE(record.index, 4)
  header.writeUInt32LE(record.bytes.length, 8)
  header.writeUInt32LE(record.items, 12)
  header.writeUInt32LE(checksum(record.bytes, salt), 16)
  header.writeUInt32LE(checksum(header.subarray(0, 20), salt), 20)
  return header
}

/** The header at `at`, or undefined when there is none or it is damaged. */
export function decodeHeader(bytes: Buffer, at: number, salt: number): RecordHeader | undefined {
  if (at + HEADER_BYTES > bytes.length || bytes.readUInt32LE(at) !== MAGIC_WORD) return undefined
  if (bytes.readUInt32LE(at + 20) !== checksum(bytes.subarray(at, at + 20), salt)) return undefined
  return { index: bytes.readUInt32LE(at + 4), length: bytes.readUInt32LE(at + 8), items: bytes.readUInt32LE(at + 12), bytesCrc: bytes.readUInt32LE(at + 16) }
}

/** Where a header may begin at or after `from`; -1 when nowhere. */
export function findMagic(bytes: Buffer, from: number): number {
  return bytes.indexOf(MAGIC, from)
}

/** CRC-32 (the one of zlib) that starts from a segment's salt. */
export function checksum(bytes: Uint8Array, salt: number): number {
  return crc32(bytes, salt)
}

export const ACK_BYTES = 12

/** An entry of a segment's list of delivered records: those from `from` on that stand before `to`. */
export interface AckRange {
  readonly from: number
  readonly to: number
}

/** Entries of 12 bytes: from, to, CRC-32 of both from the segment's salt on. */
export function encodeAcks(ranges: readonly AckRange[], salt: number): Buffer {
  const bytes = Buffer.allocUnsafe(ranges.length * ACK_BYTES)
  for (const [i, { from, to }] of ranges.entries()) {
    const at = i * ACK_BYTES
    bytes.writeUInt32LE(from, at)
    bytes.writeUInt32LE(to, at + 4)
    bytes.writeUInt32LE(checksum(bytes.subarray(at, at + 8), salt), at + 8)
  }
  return bytes
}

/** The entries that are whole; damaged ones are left out, so that what they stand for is sent once more. */
export function decodeAcks(bytes: Buffer, salt: number): AckRange[] {
  const ranges: AckRange[] = []
  for (let at = 0; at + ACK_BYTES <= bytes.length; at += ACK_BYTES) {
    const from = bytes.readUInt32LE(at)
    const to = bytes.readUInt32LE(at + 4)
    if (from < to && bytes.readUInt32LE(at + 8) === checksum(bytes.subarray(at, at + 8), salt)) ranges.push({ from, to })
  }
  return ranges
}
