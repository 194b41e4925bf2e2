// What the network programs in the kernel are told (struct sigil_network_config of native/abi/network.h).

import { networkConfigLayout } from "../event/mod.ts";
import type { Sensor } from "./sensor.ts";

export interface NetworkSensorOptions {
  /** Connections and datagrams within this host, too. Lookups always are. */
  readonly loopback: boolean;
  /** Ports of name servers, at most eight. */
  readonly dnsPorts: readonly number[];
}

const dnsPortsMax = (networkConfigLayout.bytes - networkConfigLayout.dnsPorts) / 2;

/** Sets the programs' map. False while none of them is loaded. Throws RangeError for more ports than fit. */
export function configureNetwork(sensor: Sensor, { loopback, dnsPorts }: NetworkSensorOptions): boolean {
  if (dnsPorts.length > dnsPortsMax)
    throw new RangeError(`Cannot watch ${dnsPorts.length} ports of name servers: at most ${dnsPortsMax}`);
  const value = Buffer.alloc(networkConfigLayout.bytes);
  value[networkConfigLayout.withoutLoopback] = loopback ? 0 : 1;
  for (const [index, port] of dnsPorts.entries()) value.writeUInt16LE(port, networkConfigLayout.dnsPorts + 2 * index);
  return sensor.setMap("network_config", Buffer.alloc(4), value);
}
