import { configSchema } from '../../component/config_schema.ts'
import { checkConfig } from './config_check.ts'
import { schema } from './schema.ts'

export type { K8sAttributesConfig } from './schema.ts'

export const config = configSchema(schema, checkConfig)
