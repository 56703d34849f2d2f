/** Counters and gauges by prom-client, one registry a daemon (tests run several in a process). */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";

export interface Metrics {
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  /** `collect` is called at each scrape, so that nothing is kept up to date in vain. */
  gauge(name: string, help: string, collect: () => number): void;
  /** Seconds, in buckets from 1 ms to 10 s. */
  seconds(name: string, help: string): Histogram;
  /** The Prometheus text format. */
  text(): Promise<string>;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 1000 });
  const registers = [registry];
  return {
    counter: (name, help, labels = []) =>
      new Counter({ name, help, labelNames: [...labels], registers }),
    gauge(name, help, collect) {
      const gauge: Gauge = new Gauge({
        name,
        help,
        registers,
        collect: () => gauge.set(collect()),
      });
    },
    seconds: (name, help) => new Histogram({ name, help, buckets: SECONDS, registers }),
    text: () => registry.metrics(),
  };
}
