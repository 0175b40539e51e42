import { configSchema } from '../../component/config_schema.ts'
import { problemsOf } from './conditions.ts'
import { schema } from './schema.ts'

/** The settings and the check of all conditions. */
export const config = configSchema(schema, problemsOf)
