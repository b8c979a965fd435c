/** Settings of Temporal's Worker Versioning, which is off unless they name a deployment. */
import type { WorkerDeploymentOptions } from '@temporalio/worker';
import type { Settings } from '../configuration/settings.js';

/** A `.` separates the two in Temporal's older APIs; longer names the server refuses. */
const NAME = /^[\w:-]{1,200}$/;
const BUILD_ID = /^[\w.:+-]{1,200}$/;

/**
 * What a versioned worker is created with; undefined: workers take any task, as without versions.
 * Every workflow moves on to the current version: a document is open for weeks, a callback without
 * its document for two days, and so long nobody wants to keep old workers. That is safe because
 * recorded histories replay with every change of the code (test/replay.test.ts).
 */
export function readVersioning(settings: Settings): WorkerDeploymentOptions | undefined {
  const deploymentName = settings.text('COUNTERSIGN_DEPLOYMENT');
  const buildId = settings.text('COUNTERSIGN_BUILD_ID');
  if (deploymentName === undefined && buildId === undefined) return undefined;
  if (deploymentName === undefined || buildId === undefined) {
    settings.problem(
      'COUNTERSIGN_DEPLOYMENT and COUNTERSIGN_BUILD_ID go together: set both, or neither',
    );
    return undefined;
  }
  requireForm(settings, 'COUNTERSIGN_DEPLOYMENT', NAME);
  requireForm(settings, 'COUNTERSIGN_BUILD_ID', BUILD_ID);
  return {
    useWorkerVersioning: true,
    version: { deploymentName, buildId },
    defaultVersioningBehavior: 'AUTO_UPGRADE',
  };
}

function requireForm(settings: Settings, name: string, form: RegExp): void {
  const text = settings.text(name) ?? '';
  if (!form.test(text)) {
    settings.problem(
      `${name} is not up to 200 letters, digits and -_:, a build ID also .+: ${text}`,
    );
  }
}
