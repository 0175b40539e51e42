import { configSchema } from '../../component/config_schema.ts'
import { checkConfig } from './config_check.ts'
import { schema } from './schema.ts'

/** The settings and the checks across them. */
export const config = configSchema(schema, checkConfig)
