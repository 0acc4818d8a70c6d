# cmake -DOUTPUT=file.cpp "-DINPUTS=a.yaml;b.yaml" -P EmbedFamilies.cmake
# Writes the files as raw string literals, so that a built program needs no models/ folder.
set(entries "")
foreach(input ${INPUTS})
  file(READ ${input} text)
  get_filename_component(name ${input} NAME)
  string(APPEND entries "    {\"models/${name}\", R\"yaml(${text})yaml\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"frontend/Family.h\"

static const hamlet::frontend::EmbeddedFile kFiles[] = {
${entries}};

llvm::ArrayRef<hamlet::frontend::EmbeddedFile> hamlet::frontend::builtinFamilies() { return kFiles; }
")
