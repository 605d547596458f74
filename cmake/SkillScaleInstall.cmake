# What `cmake --install` puts where, and how another project finds the client.
include(CMakePackageConfigHelpers)

# The client's library for others: one archive with the objects of every folder
# that the client is made of, so that a consumer links one file and sees one header.
add_library(skillscale_client STATIC)
foreach(folder base os protocol bus agent-client)
  target_sources(skillscale_client PRIVATE $<TARGET_OBJECTS:${folder}>)
endforeach()
set_target_properties(skillscale_client PROPERTIES LINKER_LANGUAGE CXX EXPORT_NAME client)
target_compile_features(skillscale_client INTERFACE cxx_std_20)
target_include_directories(skillscale_client INTERFACE
  $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/agent-client/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(skillscale_client INTERFACE PkgConfig::libzmq Threads::Threads)
add_library(SkillScale::client ALIAS skillscale_client)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/SkillScale)
configure_package_config_file(cmake/SkillScaleConfig.cmake.in ${CMAKE_BINARY_DIR}/package/SkillScaleConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/SkillScaleConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
# Relative, so that the installed tree may be moved.
file(RELATIVE_PATH SKILLSCALE_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/skillscale.pc.in ${CMAKE_BINARY_DIR}/package/skillscale.pc @ONLY)

install(TARGETS skillscale_client EXPORT SkillScaleTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY agent-client/include/skillscale DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
install(EXPORT SkillScaleTargets NAMESPACE SkillScale:: DESTINATION ${package_dir})
install(FILES ${CMAKE_BINARY_DIR}/package/SkillScaleConfig.cmake ${CMAKE_BINARY_DIR}/package/SkillScaleConfigVersion.cmake
        DESTINATION ${package_dir})
install(FILES ${CMAKE_BINARY_DIR}/package/skillscale.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(DIRECTORY skills DESTINATION ${CMAKE_INSTALL_DATADIR}/skillscale USE_SOURCE_PERMISSIONS
        PATTERN __pycache__ EXCLUDE PATTERN .gitignore EXCLUDE)
install(FILES proxy/proxy.yaml skill-server/skill-server.yaml DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/skillscale)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN *.md)
