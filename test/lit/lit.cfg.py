# Reads what CMake wrote (lit.site.cfg.py) and says what a test may use.
import os
import shutil

import lit.formats

config.name = "hamlet"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.hamlet_build, "test", "lit")

path = [config.hamlet_bin, config.llvm_tools, config.environment.get("PATH", "")]
config.environment["PATH"] = os.pathsep.join(path)
# A variable does not leak past a label.
config.environment["FILECHECK_OPTS"] = "--enable-var-scope"
for name in ("HAMLET_SHARED", "HAMLET_CPU"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions.append(("%hamlet_docs", os.path.join(config.hamlet_build, "docs")))
config.substitutions.append(("%python", config.python))

# What a test can REQUIRE.
for tool in ("hamlet", "hamlet-compiler", "hamlet-lsp-server"):
    if os.path.exists(os.path.join(config.hamlet_bin, tool)):
        config.available_features.add(tool)
for tool in ("ptxas", "nvcc"):
    if shutil.which(tool) or os.path.exists("/usr/local/cuda/bin/" + tool):
        config.available_features.add(tool)
