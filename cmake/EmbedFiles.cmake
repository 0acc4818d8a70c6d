# cmake -DOUTPUT=file.cpp "-DINPUTS=a.yaml;b.yaml" -DFOLDER=models -DHEADER=frontend/Family.h
#       -DNAMESPACE=hamlet::frontend -DFUNCTION=builtinFamilies -P EmbedFiles.cmake
# Writes the files as raw string literals, so that a built program needs no folder of them. The header declares
# `EmbeddedFile`, a name and a text, and the function.
set(entries "")
foreach(input ${INPUTS})
  file(READ ${input} text)
  get_filename_component(name ${input} NAME)
  string(APPEND entries "    {\"${FOLDER}/${name}\", R\"yaml(${text})yaml\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"${HEADER}\"

static const ${NAMESPACE}::EmbeddedFile kFiles[] = {
${entries}};

llvm::ArrayRef<${NAMESPACE}::EmbeddedFile> ${NAMESPACE}::${FUNCTION}() { return kFiles; }
")
