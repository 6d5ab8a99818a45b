//lint:file-ignore SA1019 Python callers speak reflection v1alpha and nothing newer.

package wire

import (
	"errors"
	"io"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

const reflectionService = "grpc.reflection.v1alpha.ServerReflection"

// JinaServices returns the names of the Jina services that s serves, sorted.
func JinaServices(s reflectionServer) []string {
	var names []string
	for name := range s.GetServiceInfo() {
		if strings.HasPrefix(name, "jina.") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

type reflectionServer interface {
	grpc.ServiceRegistrar
	GetServiceInfo() map[string]grpc.ServiceInfo
}

// RegisterReflection serves reflection v1alpha, and there exactly the Jina services that s serves at the time of a call and
// reflection itself. Python gateways choose their stubs by this list, and those up to about 3.15 die of any other name on it: health and
// reflection v1, which grpc-go's own implementation lists.
func RegisterReflection(s reflectionServer) {
	reflection.RegisterServerReflectionServer(s, &reflector{server: s})
}

type reflector struct {
	reflection.UnimplementedServerReflectionServer
	server reflectionServer
}

func (r *reflector) ServerReflectionInfo(stream reflection.ServerReflection_ServerReflectionInfoServer) error {
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		out := &reflection.ServerReflectionResponse{ValidHost: in.Host, OriginalRequest: in}
		r.answer(in, out)
		if err := stream.Send(out); err != nil {
			return err
		}
	}
}

func (r *reflector) answer(in *reflection.ServerReflectionRequest, out *reflection.ServerReflectionResponse) {
	switch what := in.MessageRequest.(type) {
	case *reflection.ServerReflectionRequest_ListServices:
		list := new(reflection.ListServiceResponse)
		for _, name := range append(JinaServices(r.server), reflectionService) {
			list.Service = append(list.Service, &reflection.ServiceResponse{Name: name})
		}
		out.MessageResponse = &reflection.ServerReflectionResponse_ListServicesResponse{ListServicesResponse: list}
	case *reflection.ServerReflectionRequest_FileByFilename:
		file, err := protoregistry.GlobalFiles.FindFileByPath(what.FileByFilename)
		answerFile(out, file, err)
	case *reflection.ServerReflectionRequest_FileContainingSymbol:
		descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(what.FileContainingSymbol))
		if err != nil {
			answerFile(out, nil, err)
			return
		}
		answerFile(out, descriptor.ParentFile(), nil)
	default:
		out.MessageResponse = reflectionError(status.New(codes.Unimplemented, "extensions are not part of this protocol"))
	}
}

// answerFile answers with a file and everything it imports, so that a command line client needs no second question.
func answerFile(out *reflection.ServerReflectionResponse, file protoreflect.FileDescriptor, err error) {
	if err != nil {
		out.MessageResponse = reflectionError(status.New(codes.NotFound, err.Error()))
		return
	}
	files := new(reflection.FileDescriptorResponse)
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor) error
	add = func(f protoreflect.FileDescriptor) error {
		if seen[f.Path()] {
			return nil
		}
		seen[f.Path()] = true
		b, err := proto.Marshal(protodesc.ToFileDescriptorProto(f))
		if err != nil {
			return err
		}
		files.FileDescriptorProto = append(files.FileDescriptorProto, b)
		for i := range f.Imports().Len() {
			if err := add(f.Imports().Get(i).FileDescriptor); err != nil {
				return err
			}
		}
		return nil
	}
	if err := add(file); err != nil {
		out.MessageResponse = reflectionError(status.New(codes.Internal, err.Error()))
		return
	}
	out.MessageResponse = &reflection.ServerReflectionResponse_FileDescriptorResponse{FileDescriptorResponse: files}
}

func reflectionError(s *status.Status) *reflection.ServerReflectionResponse_ErrorResponse {
	return &reflection.ServerReflectionResponse_ErrorResponse{
		ErrorResponse: &reflection.ErrorResponse{ErrorCode: int32(s.Code()), ErrorMessage: s.Message()},
	}
}

// The file's descriptor is what reflection answers with.
var _ = jinapb.File_jina_proto
