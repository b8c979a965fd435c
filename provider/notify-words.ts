/** What a registered URL is called for, by the words of `POST /subscribe/`. */
export const NOTIFY_WORDS = ['all', 'signed', 'sent', 'rejected', 'realtime'] as const;
export type NotifyWord = (typeof NOTIFY_WORDS)[number];
