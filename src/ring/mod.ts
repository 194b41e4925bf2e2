/** The door of the room `ring`: shared-memory queues of one writer and one reader. */
export { createRing, RingCorruptError, RingReader, RingWriter, readMessage } from "./ring.ts";
