// Builds one script and one style sheet; Python puts them into each page with the hashes of the policy.
import { defineConfig } from "vitest/config";

const NOTICE = "/*! Preact, https://preactjs.com, MIT licence, (c) 2015-present Jason Miller */";

export default defineConfig({
  oxc: undefined,
  esbuild: { jsx: "automatic", jsxImportSource: "preact", charset: "ascii", legalComments: "none" },
  build: {
    target: "es2022",
    outDir: "../src/pytest_recorder/render/assets",
    emptyOutDir: true,
    cssCodeSplit: false,
    modulePreload: false,
    reportCompressedSize: false,
    lib: { entry: "src/main.tsx", formats: ["iife"], name: "viewer", fileName: () => "viewer.js", cssFileName: "viewer" },
    rollupOptions: { output: { banner: NOTICE } },
  },
  test: { include: ["tests/**/*.test.ts"], globalSetup: ["tests/record.ts"], testTimeout: 120_000, expect: { poll: { timeout: 10_000 } }, hookTimeout: 300_000, fileParallelism: false },
} as never);
