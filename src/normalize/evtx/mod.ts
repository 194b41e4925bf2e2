/** Event log files (.evtx): bytes in, flat records out. Stands alone. */
export { EvtxReader, fileMagic as evtxMagic } from "./reader.ts";
export { type EvtxDamage, EvtxError, type EvtxRecord, type EvtxStats, type EvtxValue } from "./record.ts";
