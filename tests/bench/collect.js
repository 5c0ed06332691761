// Preloaded into what is measured: collects garbage when told, so that memory in use can be told from memory not yet freed.
process.on('SIGUSR2', () => globalThis.gc())
