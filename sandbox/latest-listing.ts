import type { DocumentRecord } from './records.js';

/**
 * Keeps the listing that was asked for last, so that going through the pages of a list that does
 * not change meanwhile puts it together once.
 */
export class LatestListing {
  #key = '';
  #revision = -1;
  #documents: readonly DocumentRecord[] = [];

  /**
   * The listing as it was, or as it is made now.
   * @param key the same for listings that are the same
   * @param revision another one whenever a document has changed
   */
  get(
    key: string,
    revision: number,
    make: () => readonly DocumentRecord[],
  ): readonly DocumentRecord[] {
    if (key === this.#key && revision === this.#revision) return this.#documents;
    this.#key = key;
    this.#revision = revision;
    this.#documents = make();
    return this.#documents;
  }
}
