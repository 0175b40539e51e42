import { defineExtension } from '../../component/factory.ts'
import { IDENTITY_EXTENSION } from '../../component/kit/identity.ts'
import { siblingModule } from '../../lib/worker_pool.ts'
import { config } from './config.ts'
import { K8sMetadata } from './extension.ts'
import { K8sMetadataIngest } from './ingest.ts'
import { accessConflicts, ownerConflicts } from './needs.ts'

/** The `k8s_metadata` extension: knows which pod, node or service had which address when, for all other components. */
export const k8sMetadataExtension = defineExtension({
  type: IDENTITY_EXTENSION,
  description: 'Watches Kubernetes and tells other components which pod, node or service had an address at a time.',
  stability: 'alpha',
  config,
  listens: ({ endpoint }) => [{ network: 'tcp', address: endpoint, path: ['endpoint'] }],
  checkUses: (checked, uses) => [...accessConflicts(checked, uses), ...ownerConflicts(checked, uses)],
  create: (settings, checked, view, uses) =>
    new K8sMetadata(settings, checked, {
      uses,
      env: process.env,
      workerEntry: siblingModule(import.meta.url, 'watch_worker'),
      // Asked now: as soon as anything new starts, the process counts as not ready.
      isReload: view.isReady(),
    }),
  ingest: (settings, _config, link) => new K8sMetadataIngest(settings, link),
})
