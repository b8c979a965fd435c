/** An answer other than success, thrown where it is decided and mapped in one place. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;

  /** @param body what the client gets; a JSON object with the message unless told */
  constructor(
    status: number,
    message: string,
    body: unknown = { error: message },
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** 404: nothing by that ID. */
export function notFound(what: string): Refusal {
  return new Refusal(404, `There is no such ${what}.`);
}

/** 400: the request cannot be carried out, for the reason in the sentence. */
export function badRequest(sentence: string): Refusal {
  return new Refusal(400, sentence);
}
