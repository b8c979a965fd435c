import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** Workers have a second, not three days, to tell their settings. */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      scheduleActivity: (input, next) => {
        const options = { ...input.options, scheduleToCloseTimeout: '1s' } as const;
        return next(input.activityType === 'readPolicy' ? { ...input, options } : input);
      },
    },
  ],
});
