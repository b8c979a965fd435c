/**
 * Why a request is refused. Thrown by pure functions, turned into an answer in one place
 * (`refusals.ts`). A message helps whoever reads the answer and never holds a secret or content.
 */

/** Every reason there is: a bounded set, because reasons are labels of a metric. */
export type RefusalReason =
  | 'signatureMissing'
  | 'signatureMalformed'
  | 'signatureRepeated'
  | 'signatureWrong'
  | 'signedPartMissing'
  | 'noKey'
  | 'tokenWrong'
  | 'tokenMissing'
  | 'formMalformed'
  | 'fieldRepeated'
  | 'fieldMissing'
  | 'fieldMalformed'
  | 'ambiguous'
  | 'unknownFormat'
  | 'jsonMalformed'
  | 'truncated'
  | 'tooLarge'
  | 'tooManyEntries'
  | 'unsupportedType'
  | 'unsupportedCharset'
  | 'unsupportedEncoding'
  | 'notFound'
  | 'methodNotAllowed'
  | 'badHttp'
  | 'busy'
  | 'unavailable'
  | 'internal';

/** A request that is not taken: the HTTP status, a machine's reason and a reader's line. */
export class Refusal extends Error {
  /** HTTP status of the answer. */
  readonly status: number;
  readonly reason: RefusalReason;

  constructor(status: number, reason: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.reason = reason;
    this.name = new.target.name;
  }
}

/** 401: nothing proves that the provider sent it. */
export class SignatureError extends Refusal {
  constructor(reason: RefusalReason, message: string) {
    super(401, reason, message);
  }
}

/** 400: it cannot be read, and never will be however often it is sent. */
export class MalformedError extends Refusal {
  constructor(reason: RefusalReason, message: string) {
    super(400, reason, message);
  }
}

/** 413: more than the webhook takes at once. */
export class TooLargeError extends Refusal {
  constructor(reason: 'tooLarge' | 'tooManyEntries', message: string) {
    super(413, reason, message);
  }
}

/** 415: a media type, charset or content encoding that no callback uses. */
export class UnsupportedTypeError extends Refusal {
  constructor(
    reason: 'unsupportedType' | 'unsupportedCharset' | 'unsupportedEncoding',
    message: string,
  ) {
    super(415, reason, message);
  }
}

/** 503: nothing is wrong with the request, but it could not be made durable. Send it again. */
export class UnavailableError extends Refusal {
  constructor(cause: unknown) {
    super(503, 'unavailable', 'the callback could not be stored now: send it again later', {
      cause,
    });
  }
}

/** 503: other callbacks fill WEBHOOK_BODY_BUDGET, or all writes and what waits. Send it again. */
export class BusyError extends Refusal {
  constructor() {
    super(503, 'busy', 'too many callbacks at once: send it again later');
  }
}
