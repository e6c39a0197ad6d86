import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";

// django-vite reads the manifest; the names in templates are paths below `static/src`'s parent, as in the manifest.
export default defineConfig({
  base: "/static/dist/",
  plugins: [tailwindcss()],
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
