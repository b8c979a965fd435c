import { Client, isGrpcServiceError } from '@temporalio/client';
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { lookUpOptions } from '../codec/data-converter.js';
import { documentWorkflowId } from '../workflows/contract.js';

/** A document's latest workflow, as the server itself describes it: no worker is asked. */
export function describeDocument(
  client: Client,
  documentId: string,
): Promise<WorkflowExecutionDescription> {
  const { workflow } = new Client(lookUpOptions(client));
  return workflow.getHandle(documentWorkflowId(documentId)).describe();
}

/** The status that gRPC gave a call, also where the SDK wrapped its error. */
export function grpcCodeOf(error: unknown): number | undefined {
  const cause = error instanceof Error && !isGrpcServiceError(error) ? error.cause : error;
  return isGrpcServiceError(cause) ? cause.code : undefined;
}
