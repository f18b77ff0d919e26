// Records the programs once for all tests; PYTHON names an interpreter that has the package.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export default function record(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "viewer-"));
  process.env["VIEWER_TRACES"] = folder;
  const python = process.env["PYTHON"] ?? "python3";
  execFileSync(python, [fileURLToPath(new URL("make_traces.py", import.meta.url)), folder], { stdio: ["ignore", "ignore", "inherit"] });
  return () => rmSync(folder, { recursive: true, force: true });
}
