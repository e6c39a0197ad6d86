import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";

// WhiteNoise sends what lies beside a file as .br or .gz to browsers that take it, and compresses nothing by itself.
const compressed = {
  name: "compressed",
  generateBundle: {
    order: "post",
    handler(_options, bundle) {
      for (const { fileName, code, source } of Object.values(bundle)) {
        if (!/\.(js|css)$/.test(fileName)) continue;
        const bytes = Buffer.from(code ?? source);
        const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
        this.emitFile({ type: "asset", fileName: `${fileName}.br`, source: brotliCompressSync(bytes, { params }) });
        this.emitFile({ type: "asset", fileName: `${fileName}.gz`, source: gzipSync(bytes, { level: 9 }) });
      }
    },
  },
};

// django-vite reads the manifest; the names in templates are paths below `static/src`'s parent, as in the manifest.
export default defineConfig({
  base: "/static/dist/",
  plugins: [tailwindcss(), compressed],
  publicDir: false,
  build: {
    outDir: "static/dist",
    emptyOutDir: true,
    manifest: true,
    // The content security policy allows no data: fonts or scripts.
    assetsInlineLimit: 0,
    // Vapi's SDK is an entry of its own: only the page that talks to an assistant loads it.
    rolldownOptions: { input: ["static/src/main.js", "static/src/agent/sdk.js", "static/src/diary/diary.css"], preserveEntrySignatures: "strict" },
  },
});
