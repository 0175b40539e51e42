import { type ConfigSchema, configSchema } from '../../component/config_schema.ts'
import { ACTIONS_SCHEMA, type ActionConfig, actionProblems } from '../../component/kit/attributes/action_schema.ts'
import { MATCH_PROPERTIES, type MatchConfig, matchProblems } from '../../component/kit/attributes/match_schema.ts'

export interface AttributesConfig {
  readonly actions: readonly ActionConfig[]
  readonly include?: MatchConfig
  readonly exclude?: MatchConfig
}

/** The settings and the checks across them; names are the Collector's. */
export const config: ConfigSchema<AttributesConfig> = configSchema(
  { type: 'object', additionalProperties: false, required: ['actions'], properties: { actions: ACTIONS_SCHEMA, ...MATCH_PROPERTIES } },
  ({ actions, include, exclude }) => [
    ...actionProblems(actions, ['actions']),
    ...(include === undefined ? [] : matchProblems(include, 'include')),
    ...(exclude === undefined ? [] : matchProblems(exclude, 'exclude')),
  ],
)
