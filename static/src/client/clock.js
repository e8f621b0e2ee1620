// The time, and timers. Called through the global object, which is what browsers ask for.
export const systemClock = () => ({
  now: () => Date.now(),
  setTimeout: (act, ms) => setTimeout(act, ms),
  clearTimeout: (timer) => clearTimeout(timer),
})
