import type { IdentityIndex, IdentityNeeds } from '../../model/identity/index.ts'
import type { Settings } from '../component.ts'
import type { ExtensionUse } from '../factory.ts'

/** The type of the extension that keeps the process's one identity index. */
export const IDENTITY_EXTENSION = 'k8s_metadata'

/** For `uses` of a factory: its components look things up in the identity index. */
export function useIdentity(needs: IdentityNeeds, options: { readonly isOptional: boolean }): ExtensionUse {
  return { extension: IDENTITY_EXTENSION, needs, isOptional: options.isOptional }
}

/** This thread's view of the identity index; undefined when the config has none. */
export function identityOf(settings: Settings): IdentityIndex | undefined {
  return settings.shared(IDENTITY_EXTENSION) as IdentityIndex | undefined
}
