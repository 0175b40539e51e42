import { type ConfigSchema, configSchema } from '../../component/config_schema.ts'
import { ACTIONS_SCHEMA, type ActionConfig, actionProblems } from '../../component/kit/attributes/action_schema.ts'

export interface ResourceConfig {
  readonly attributes: readonly ActionConfig[]
}

/** The settings and the checks across them; names are the Collector's. */
export const config: ConfigSchema<ResourceConfig> = configSchema(
  { type: 'object', additionalProperties: false, required: ['attributes'], properties: { attributes: ACTIONS_SCHEMA } },
  ({ attributes }) => actionProblems(attributes, ['attributes']),
)
