# skillscale_library(NAME FOLDER folder [LINKS targets...] [PRIVATE targets...])
#
# One static library per folder. Its headers are included as "NAME/header.h",
# through a directory that holds only a link to this one folder: a library that
# does not link NAME cannot include from it.
function(skillscale_library name)
  cmake_parse_arguments(ARG "" "FOLDER" "LINKS;PRIVATE" ${ARGN})
  set(source_folder ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_FOLDER})
  set(include_root ${CMAKE_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${include_root})
  file(CREATE_LINK ${source_folder} ${include_root}/${name} SYMBOLIC)

  file(GLOB sources CONFIGURE_DEPENDS ${source_folder}/*.cpp ${source_folder}/*.h)
  list(REMOVE_ITEM sources ${source_folder}/main.cpp)
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${include_root}>)
  target_link_libraries(${name} PUBLIC ${ARG_LINKS} PRIVATE skillscale_flags ${ARG_PRIVATE})
endfunction()

function(skillscale_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} skillscale_flags)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# skillscale_program(NAME SOURCES files... LINKS targets...): for users.
function(skillscale_program name)
  skillscale_executable(${name} ${ARGN})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# skillscale_helper(NAME SOURCES files... LINKS targets...): only our programs start it.
function(skillscale_helper name)
  skillscale_executable(${name} ${ARGN})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/skillscale)
endfunction()
