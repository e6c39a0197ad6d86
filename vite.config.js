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
    rolldownOptions: { input: ["static/src/main.js"] },
  },
});
