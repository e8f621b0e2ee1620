import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

// `npm run dev` serves the page with hot reloading and passes the socket on to a running chatd.
const chatd = process.env.CHATD_URL ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [vue()],
  define: {
    __VUE_OPTIONS_API__: false,
    __VUE_PROD_DEVTOOLS__: false,
  },
  build: {
    target: 'es2020',
    assetsInlineLimit: 0, // the Content-Security-Policy allows no data: and nothing inline
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: { '/ws': { target: chatd, ws: true } },
  },
})
