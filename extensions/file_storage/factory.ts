import { defineExtension } from '../../component/factory.ts'
import { config, type FileStorageConfig } from './config.ts'
import { FileStorage } from './extension.ts'

export const fileStorageExtension = defineExtension<FileStorageConfig>({
  type: 'file_storage',
  description: 'Keeps the sending queues of exporters on disk, so that they outlive the process.',
  stability: 'alpha',
  provides: ['storage'],
  config,
  create: (settings, checked) => new FileStorage(settings, checked),
})
