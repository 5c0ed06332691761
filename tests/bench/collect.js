// Preloaded into measured processes: runs the garbage collector on SIGUSR2, so that only memory in use is measured.
process.on('SIGUSR2', () => globalThis.gc())
