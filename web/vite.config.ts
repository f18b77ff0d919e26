// Builds a script and a style sheet for each page; Python puts them into it with the hashes of the policy.
// One page a build, named by the mode: `vite build --mode viewer`, `vite build --mode folder`.
import { defineConfig } from "vitest/config";

const NOTICE = "/*! Preact, https://preactjs.com, MIT licence, (c) 2015-present Jason Miller */";
const PAGES: Record<string, { entry: string; banner: string }> = {
  viewer: { entry: "src/main.tsx", banner: NOTICE },
  folder: { entry: "src/folder/main.ts", banner: "" },
};

export default defineConfig(({ mode }) => {
  const page = PAGES[mode] ?? PAGES.viewer!;
  const name = mode in PAGES ? mode : "viewer";
  return {
    oxc: undefined,
    esbuild: { jsx: "automatic", jsxImportSource: "preact", charset: "ascii", legalComments: "none" },
    build: {
      target: "es2022",
      outDir: "../src/pytest_recorder/render/assets",
      emptyOutDir: false,
      cssCodeSplit: false,
      modulePreload: false,
      reportCompressedSize: false,
      lib: { entry: page.entry, formats: ["iife"], name, fileName: () => `${name}.js`, cssFileName: name },
      rollupOptions: { output: { banner: page.banner } },
    },
    test: { include: ["tests/**/*.test.ts"], globalSetup: ["tests/record.ts"], testTimeout: 120_000, expect: { poll: { timeout: 10_000 } }, hookTimeout: 300_000, fileParallelism: false },
  } as never;
});
