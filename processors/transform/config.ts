import { configSchema } from '../../component/config_schema.ts'
import { schema } from './schema.ts'
import { problemsOf } from './statements.ts'

/** The settings and the check of all statements. */
export const config = configSchema(schema, (checked) => [...problemsOf(checked, 'logs'), ...problemsOf(checked, 'traces'), ...problemsOf(checked, 'metrics')])
