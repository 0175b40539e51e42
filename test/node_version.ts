import { assertNodeVersion } from '../lib/node_version.ts'

assertNodeVersion()
