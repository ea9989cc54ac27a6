# filled when the public interface stands
