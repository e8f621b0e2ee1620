import { onScopeDispose, ref, watch } from 'vue'

// The whole seconds until a time (a getter, 0 for none), as a ref that counts down.
export function useCountdown(until) {
  const seconds = ref(0)
  let timer
  const update = () => {
    seconds.value = Math.max(0, Math.ceil((until() - Date.now()) / 1000))
  }
  const restart = () => {
    clearInterval(timer)
    update()
    if (until()) timer = setInterval(update, 250)
  }
  watch(until, restart, { immediate: true })
  onScopeDispose(() => clearInterval(timer))
  return seconds
}
