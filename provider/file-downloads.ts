import { openDownload, type DownloadOptions } from './download.js';
import type { Call } from './http-failure.js';
import { pathTo } from './json-calls.js';
import type { ProviderClient } from './provider-client.js';

type Downloads = Pick<ProviderClient, 'openPdf' | 'openAuditLog'>;

/** The client's downloads. */
export function downloads(settings: DownloadOptions): Downloads {
  return {
    async openPdf(id, options) {
      const call: Call = { method: 'GET', path: pathTo('pdf', id), signal: options?.signal };
      const download = await openDownload(call, settings);
      return download.kind === 'file' ? { ...download, kind: 'pdf' } : download;
    },
    async openAuditLog(id, options) {
      const path = pathTo('document', id, 'auditlog/');
      const call: Call = { method: 'GET', path, signal: options?.signal };
      const download = await openDownload(call, settings);
      return download.kind === 'file' ? download.stream : undefined;
    },
  };
}
