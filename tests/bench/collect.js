// Preloaded into measured processes. Runs the garbage collector on SIGUSR2, so that only memory in use is measured.
process.on('SIGUSR2', () => globalThis.gc())
