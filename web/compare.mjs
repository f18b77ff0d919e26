// Builds the sources of both pages into another folder, and says where the committed build differs.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const committed = join(here, "..", "src", "pytest_recorder", "render", "assets");
const built = mkdtempSync(join(tmpdir(), "viewer-build-"));
try {
  const vite = join(here, "node_modules", "vite", "bin", "vite.js");
  for (const mode of ["viewer", "folder"]) {
    const ran = spawnSync(process.execPath, [vite, "build", "--mode", mode, "--outDir", built, "--logLevel", "warn"], {
      cwd: here,
      stdio: "inherit",
    });
    if (ran.status !== 0) process.exit(1);
  }
  const names = new Set([...readdirSync(built), ...readdirSync(committed)]);
  const read = (folder, name) => (readdirSync(folder).includes(name) ? readFileSync(join(folder, name)) : Buffer.of());
  const different = [...names].filter((name) => !read(built, name).equals(read(committed, name)));
  if (different.length > 0) {
    console.error(`The committed build is not that of the sources: ${different.join(", ")}. Run \`just viewer\` and commit the result.`);
    process.exit(1);
  }
  console.log(`The committed build is that of the sources: ${[...names].join(", ")}.`);
} finally {
  rmSync(built, { recursive: true, force: true });
}
