/** What the exit code of `meshscope` tells a supervisor or a script. */
export const EXIT = {
  /** Done; for `run`: stopped by SIGTERM or SIGINT after everything in flight was handed on. */
  ok: 0,
  /** A command failed for a reason that has no code of its own; the message says which. */
  failed: 1,
  /** The config has problems, or a source of it cannot be read. */
  config: 2,
  /** The config is good but something could not be started, such as a listener on a port that is taken. */
  start: 3,
  /** A component failed for good while running. */
  fatal: 4,
  /** Stopped, but not everything in flight could be handed on before `service.drain_timeout`. */
  drainMissed: 5,
  /** The command line itself is wrong (the BSD convention, EX_USAGE). */
  usage: 64,
} as const
