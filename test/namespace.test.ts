import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { DATA_FORMAT, DATA_FORMAT_KEY, ensureDataFormat } from '../worker/data-format.js';
import { ensureRetention, ensureSearchAttributes } from '../worker/namespace.js';
import { SEARCH_ATTRIBUTES } from '../workflows/contract.js';
import { openGuardedTemporal } from './support/guarded-temporal.js';
import { startTestServer, type TestServer } from './support/temporal.js';

const DAY_S = 86_400;

let server: TestServer;
let connection: Connection;

before(async () => {
  server = await startTestServer();
  connection = await Connection.connect({ address: server.address });
});

after(async () => {
  await connection.close();
  await server.stop();
});

test('missing search attributes are registered, by two workers at once and again', async () => {
  await Promise.all([
    ensureSearchAttributes(connection, 'default'),
    ensureSearchAttributes(connection, 'default'),
  ]);
  await ensureSearchAttributes(connection, 'default');
  const { customAttributes } = await connection.operatorService.listSearchAttributes({
    namespace: 'default',
  });
  for (const { name } of Object.values(SEARCH_ATTRIBUTES))
    assert.ok(name in customAttributes, name);
});

test('a search attribute of another type is a problem that names both types', async () => {
  const namespace = 'elsewhere';
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: DAY_S as never },
  });
  const name = SEARCH_ATTRIBUTES.documentStatus.name;
  // The server's cache of namespaces learns of a new one within seconds.
  for (;;) {
    try {
      await connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: {
          [name]: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_INT,
        },
      });
      break;
    } catch (error) {
      if (!String(error).includes('not found')) throw error;
    }
  }
  await assert.rejects(
    ensureSearchAttributes(connection, namespace),
    /DocumentStatus of namespace elsewhere is INDEXED_VALUE_TYPE_INT, but .*KEYWORD/,
  );
});

test('retention is raised to what is wanted, and never lowered', async () => {
  const retentionS = async (): Promise<number> => {
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
    return Number(config?.workflowExecutionRetentionTtl?.seconds);
  };
  assert.match((await ensureRetention(connection, 'default', 30 * DAY_S * 1000)) ?? '', /raised/);
  assert.equal(await retentionS(), 30 * DAY_S);
  assert.equal(await ensureRetention(connection, 'default', DAY_S * 1000), undefined);
  assert.equal(await retentionS(), 30 * DAY_S);
});

test('the data format is noted, and a newer one than ours is refused', async () => {
  const note = async (format: string): Promise<void> => {
    await connection.workflowService.updateNamespace({
      namespace: 'default',
      updateInfo: { data: { [DATA_FORMAT_KEY]: format } },
    });
  };
  const noted = async (): Promise<string | undefined> => {
    const { namespaceInfo } = await connection.workflowService.describeNamespace({
      namespace: 'default',
    });
    return namespaceInfo?.data?.[DATA_FORMAT_KEY];
  };
  assert.equal(await ensureDataFormat(connection, 'default'), undefined);
  assert.equal(await noted(), String(DATA_FORMAT));
  assert.equal(await ensureDataFormat(connection, 'default'), undefined);
  await note('0');
  await ensureDataFormat(connection, 'default');
  assert.equal(await noted(), String(DATA_FORMAT));
  for (const newer of [String(DATA_FORMAT + 1), '1.5', '']) {
    await note(newer);
    const refused = {
      name: 'NamespaceError',
      message: /namespace default have the format .*newer/,
    };
    await assert.rejects(ensureDataFormat(connection, 'default'), refused, newer);
    assert.equal(await noted(), newer);
  }
  await note(String(DATA_FORMAT));
});

test('a worker without rights is told which right it lacks, and in which namespace', async () => {
  const forbidding = await openGuardedTemporal(server.address);
  forbidding.refuse('ListSearchAttributes', 'DescribeNamespace');
  const stranger = await Connection.connect({ address: forbidding.address });
  try {
    await assert.rejects(ensureSearchAttributes(stranger, 'guarded'), {
      name: 'NamespaceError',
      message: /list search attributes in namespace guarded .*unauthorized.*TEMPORAL_API_KEY/,
    });
    await assert.rejects(ensureRetention(stranger, 'guarded', DAY_S * 1000), {
      name: 'NamespaceError',
      message: /read the retention in namespace guarded/,
    });
    await assert.rejects(ensureDataFormat(stranger, 'guarded'), { name: 'NamespaceError' });
  } finally {
    await stranger.close();
    await forbidding.close();
  }
});
