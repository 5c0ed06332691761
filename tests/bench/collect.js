// Runs the garbage collector on SIGUSR2, so that only memory in use is measured. The measured processes preload this file.
process.on('SIGUSR2', () => globalThis.gc())
