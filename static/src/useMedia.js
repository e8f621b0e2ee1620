import { onScopeDispose, ref } from 'vue'

// Whether a media query holds, as a ref.
export function useMedia(query) {
  const media = window.matchMedia(query)
  const matches = ref(media.matches)
  const update = () => (matches.value = media.matches)
  media.addEventListener('change', update)
  onScopeDispose(() => media.removeEventListener('change', update))
  return matches
}
