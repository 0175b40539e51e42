/**
 * The way between the two halves of a component that is split over threads: its ingest half runs in every ingest
 * worker, its main half once on the main thread. Messages arrive in order. With `service.workers.threads: 0` both
 * halves live on the main thread and a message is a function call.
 */
export interface IngestLink<Message> {
  /**
   * Number of the ingest worker, from 0. A restarted worker has its predecessor's number and a new link. Ingest halves in
   * pipelines of the main thread have the number after the last worker's at the time they are made.
   */
  readonly worker: number
  /**
   * Hands a message to the main half. `transfer` lists the ArrayBuffers that move with it; SharedArrayBuffers are
   * shared, everything else is copied. A message that was sent arrives even when the worker dies right after.
   */
  send(message: Message, transfer?: readonly ArrayBuffer[]): void
}

/** The main half's side of the links from the ingest halves of the same component. */
export interface MainHalf<Message> {
  /** Takes a message from the ingest half in worker `worker`; `life` tells a restarted worker from its predecessor. */
  receive(message: Message, from: IngestPeer): void
  /** The worker ended (stopped or died): nothing more comes from it. What it wrote to shared memory stays readable. */
  gone(from: IngestOrigin): void
}

/** Which ingest half it is; only both numbers together tell it from all others. */
export interface IngestOrigin {
  readonly worker: number
  readonly life: number
}

/** An `IngestOrigin` with the way back: what is sent reaches `IngestHalf.receive` in that worker, in order. */
export interface IngestPeer extends IngestOrigin {
  /** Does nothing once the ingest half is gone. SharedArrayBuffers are shared, everything else is copied. */
  send(message: unknown): void
}

/** An ingest half that is also told something by its main half. */
export interface IngestHalf<Message> {
  receive(message: Message): void
}
