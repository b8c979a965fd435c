/** Parts that are started one after the other, and taken down from the last to the first. */

/** Takes one part down. */
export type Closer = () => unknown;

/**
 * Opens parts, each of which adds what takes it down.
 * @throws what opening throws, once everything that was started is down again
 */
export async function openedWith<Parts extends object>(
  open: (closers: Closer[]) => Promise<Parts>,
): Promise<Parts & { close(): Promise<void> }> {
  const closers: Closer[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return { ...(await open(closers)), close };
  } catch (error) {
    await close();
    throw error;
  }
}
