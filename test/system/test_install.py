"""What `cmake --install` makes: every file in its place, no symbol but the C interface's, no LLVM behind the library; the
programs and the packages work there and in another folder. The C program is the one in docs/c-api.md."""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

import harness

BUILD = harness.BIN.parent
DOC = harness.ROOT / "docs" / "c-api.md"
MODEL = harness.ROOT / "examples" / "tiny-minimax"
RUNTIME = """bin/hamlet bin/hamlet-ptx bin/hamlet-machine lib/libhamlet.so lib/libhamlet.so.1 lib/hamlet/emulated/libcuda.so.1
    include/hamlet.h lib/cmake/Hamlet/HamletConfig.cmake lib/pkgconfig/hamlet.pc share/hamlet/models/minimax_m1.yaml
    share/hamlet/targets/sm_80.yaml share/licenses/hamlet/LICENSE""".split()
COMPILER = """bin/hamlet-compiler bin/hamlet-opt bin/hamlet-lsp-server lib/hamlet/libHamletDriver.a
    lib/cmake/Hamlet/HamletCompilerTargets.cmake include/hamlet-compiler/codegen/driver/Compile.h
    include/hamlet-compiler/dialects/NN/NNOps.h.inc include/hamlet-compiler/container/hmlt_generated.h""".split()
MUL = """func.func @mul(%x: tensor<?x32xf32>, %y: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %z = nn.mul %x, %y : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}
"""


def cached(name):
    """A value of the build's configuration."""
    match = re.search(rf"^{name}:[A-Z]+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.M)
    return match[1] if match else ""


def block(language, index=0):
    """A block of the document in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```", DOC.read_text(), re.M | re.S)[index]


def ok(*command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=harness.TIMEOUT, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command}\nstatus {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


@unittest.skipUnless((BUILD / "CMakeCache.txt").exists(), "there is no build folder beside HAMLET_BIN")
class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if cached("HAMLET_SANITIZE"):
            raise unittest.SkipTest("a sanitized library needs its users sanitized")
        work = cls.enterClassContext(harness.workspace())
        first = work / "first"
        ok("cmake", "--install", BUILD, "--prefix", first)
        cls.has_compiler = (first / "bin" / "hamlet-compiler").exists()
        cls.work, cls.prefix = work, work / "moved"
        cls.tokens = {}
        cls.file = harness.compiled(MODEL)
        for prefix in (first, cls.prefix):
            if prefix != first:
                shutil.move(first, prefix)
            if cls.has_compiler:
                cls.file = work / f"{prefix.name}.hmlt"
                ok(prefix / "bin" / "hamlet", "compile", MODEL, "-o", cls.file, "--cache", harness.KERNELS)
            cls.tokens[prefix.name] = ok(
                prefix / "bin" / "hamlet", "run", cls.file, "--weights", MODEL, "--prompt-ids", "1,2,3,4,5,6,7,8", "--max-tokens", "32"
            ).split()

    def test_runs_in_either_place(self):
        first, moved = self.tokens.values()
        self.assertEqual(len(first), 32)
        self.assertEqual(first, moved)
        if not self.has_compiler:
            self.skipTest("this build has no compiler: compiled by the one in HAMLET_TEST_COMPILER")

    def test_files(self):
        for name in RUNTIME + (COMPILER if self.has_compiler else []):
            self.assertTrue((self.prefix / name).exists(), name)
        linkable = [p for p in self.prefix.rglob("libcuda.so*") if p.name == "libcuda.so"]
        self.assertEqual(linkable, [], "a linker could take it for the real one")
        for path in self.prefix.rglob("*.cmake"):
            self.assertNotIn(str(BUILD), path.read_text(), path)

    def test_components(self):
        """Each installs alone what the page says."""
        for component, has, has_not in (
            ("Runtime", "bin/hamlet", "include/hamlet.h"),
            ("Development", "include/hamlet.h", "bin/hamlet"),
        ):
            prefix = self.work / component
            ok("cmake", "--install", BUILD, "--prefix", prefix, "--component", component)
            self.assertTrue((prefix / has).exists(), component)
            self.assertFalse((prefix / has_not).exists(), component)

    def test_symbols(self):
        library = self.prefix / "lib" / "libhamlet.so.1"
        names = [line.split()[-1] for line in ok("nm", "-D", "--defined-only", library).splitlines()]
        declared = re.findall(r"\b(hamlet_[a-z_]+)\(", (self.prefix / "include" / "hamlet.h").read_text())
        self.assertEqual(sorted(names), sorted(set(declared)))
        needed = re.findall(r"NEEDED.*\[(.*)\]", ok("readelf", "-d", library))
        self.assertTrue(needed)
        for name in needed:
            self.assertRegex(name, r"^(lib(stdc\+\+|m|gcc_s|c|dl|pthread)|ld-linux-.*)\.so", "no LLVM, nothing unusual")
        self.assertIn("[libhamlet.so.1]", ok("readelf", "-d", library))

    def run_program(self, program):
        out = ok(program, self.file, MODEL)
        self.assertEqual(out.splitlines()[0].split(), self.tokens["first"])
        bad = subprocess.run([program, "/nonexistent", MODEL], capture_output=True, text=True)
        self.assertEqual(bad.returncode, 1)
        self.assertIn("cannot open", bad.stderr)

    def folder(self, name):
        folder = self.work / name
        folder.mkdir()
        (folder / "generate.c").write_text(block("c"))
        return folder

    def test_cmake_package(self):
        folder = self.folder("cmake-user")
        (folder / "CMakeLists.txt").write_text(block("cmake"))
        compiler = cached("CMAKE_C_COMPILER")
        ok("cmake", "-S", folder, "-B", folder / "out", f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCMAKE_C_COMPILER={compiler}")
        ok("cmake", "--build", folder / "out")
        self.run_program(folder / "out" / "generate")

    def test_cmake_package_of_the_compiler(self):
        folder = self.folder("compiler-user")
        (folder / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(user LANGUAGES C CXX)\n"
            "set(CMAKE_CXX_STANDARD 20)\nset(CMAKE_CXX_FLAGS -fno-rtti)\n"
            "find_package(Hamlet 0.1 REQUIRED COMPONENTS Compiler)\nadd_executable(user user.cpp)\n"
            "target_link_libraries(user PRIVATE Hamlet::HamletDriver)\n"
        )
        (folder / "user.cpp").write_text(
            '#include "codegen/driver/Compile.h"\n#include "container/Container.h"\n'
            '#include <cstdio>\nint main() { std::puts(hamlet::readContainer("/nonexistent").message().c_str()); }\n'
        )
        configure = ("cmake", "-S", folder, "-B", folder / "out", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        configure += (f"-DCMAKE_C_COMPILER={cached('CMAKE_C_COMPILER')}", f"-DCMAKE_CXX_COMPILER={cached('CMAKE_CXX_COMPILER')}")
        if not self.has_compiler:
            done = subprocess.run([str(c) for c in configure], capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("CompilerDevelopment", done.stderr)
            return
        ok(*configure)
        ok("cmake", "--build", folder / "out")
        self.assertIn("cannot open", ok(folder / "out" / "user"))

    @unittest.skipUnless(shutil.which("pkg-config"), "pkg-config is not installed")
    def test_pkg_config(self):
        folder = self.folder("pkg-config-user")
        env = {**os.environ, "PKG_CONFIG_PATH": str(self.prefix / "lib" / "pkgconfig")}
        env["PATH"] = f"{folder}:{env['PATH']}"
        (folder / "cc").symlink_to(pathlib.Path(shutil.which(cached("CMAKE_C_COMPILER"))).resolve())
        ok("bash", "-ec", block("sh"), cwd=folder, env=env)
        self.run_program(folder / "generate")

    def test_text(self):
        """The function of the page that answers a text says what the command says."""
        folder = self.work / "text-user"
        folder.mkdir()
        program = block("c").split("static int print")[0].replace("#include <stdio.h>", "#include <stdio.h>\n#include <string.h>")
        program += block("c", 1) + (
            "int main(int argc, char **argv) {\n  hamlet_model *model = NULL;\n"
            '  check(hamlet_model_load(argv[1], argv[2], "cpu", 0, &model));\n'
            "  answer(model, argv[2], argv[3]);\n  hamlet_model_free(model);\n}\n"
        )
        (folder / "text.c").write_text(program)
        lib = self.prefix / "lib"
        flags = (f"-I{self.prefix / 'include'}", f"-L{lib}", f"-Wl,-rpath,{lib}", "-lhamlet")
        ok(cached("CMAKE_C_COMPILER"), folder / "text.c", "-o", folder / "text", *flags)
        prompt = "Zo\u00eb said:"
        said = ok(self.prefix / "bin" / "hamlet", "run", self.file, "--weights", MODEL, "--prompt", prompt)
        self.assertEqual(ok(folder / "text", self.file, MODEL, prompt), said)

    def test_emulated_device(self):
        """The stand-in driver is found from the installed place."""
        if not self.has_compiler:
            self.skipTest("this build has no compiler")
        source, file = self.work / "mul.mlir", self.work / "mul.hmlt"
        source.write_text(MUL)
        ok(self.prefix / "bin" / "hamlet", "compile", source, "-o", file, "--target", "sm_80", "--cache", harness.KERNELS)
        harness.np.save(self.work / "x.npy", harness.np.full((3, 32), 2, harness.np.float32))
        x = ("--input", self.work / "x.npy")
        out = self.work / "z.npy"
        ok(self.prefix / "bin" / "hamlet", "call", file, "--function", "mul", *x, *x, "--output", out, "--device", "emulated")
        self.assertTrue((harness.np.load(out) == 4).all())


if __name__ == "__main__":
    unittest.main()
