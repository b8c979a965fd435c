import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idOfAgain } from '../activities/retry-set-aside.js';

test('entries that are set aside night after night are delivered under IDs of one length', () => {
  const ids = new Set<string>();
  let workflowId = 'callback:0123456789abcdef';
  for (let night = 0; night < 1_000; night += 1) {
    assert.equal(idOfAgain(workflowId, [0, 7]), idOfAgain(workflowId, [0, 7]));
    assert.notEqual(idOfAgain(workflowId, [0, 7]), idOfAgain(workflowId, [0]));
    workflowId = idOfAgain(workflowId, [0, 7]);
    ids.add(workflowId);
  }
  assert.equal(ids.size, 1_000);
  assert.equal(new Set([...ids].map(({ length }) => length)).size, 1);
});
